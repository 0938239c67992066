from . import config as config
from . import model as model
from .config import Config as Config
from .model import BilinearSimilarity as BilinearSimilarity
from .model import ColaObjective as ColaObjective
from .model import CosineSimilarity as CosineSimilarity
from .model import build_model as build_model
