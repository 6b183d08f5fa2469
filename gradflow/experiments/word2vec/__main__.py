"""``python -m gradflow.experiments.word2vec``."""

from gradflow.experiments.word2vec.command import main

raise SystemExit(main())
