from . import config as config
from . import mixing as mixing
from . import model as model
from .config import Config as Config
from .mixing import mix_back as mix_back
from .model import NTXent as NTXent
from .model import build_model as build_model
