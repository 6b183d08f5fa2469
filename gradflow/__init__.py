"""Does my loss reach this parameter, and if not, why?"""

from gradflow.errors import GradflowError as GradflowError
from gradflow.flow import Arrival as Arrival
from gradflow.flow import Flow as Flow
from gradflow.graph import Edge as Edge
from gradflow.graph import Graph as Graph
from gradflow.graph import Op as Op
from gradflow.graph import Value as Value
from gradflow.reason import Cut as Cut
from gradflow.reason import Explanation as Explanation
from gradflow.reason import Reason as Reason
from gradflow.trace import Trace as Trace
from gradflow.trace import trace as trace
from gradflow.explain import explain as explain
