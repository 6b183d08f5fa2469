"""Two files with the same graph seed, each run on its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import json
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
tf.set_random_seed(2)
c = tf.random_uniform([], -10, 10)
d = tf.random_uniform([], -10, 10)
with tf.Session() as session:
    print(json.dumps([float(session.run(c)), float(session.run(d))]))
"""

recorded = {}
with tempfile.TemporaryDirectory() as folder:
    for name in ("a.py", "b.py"):
        file = Path(folder, name)
        file.write_text(PROGRAM)
        printed = subprocess.check_output([sys.executable, file])
        recorded[name] = json.loads(printed)
