from .datasets import open_source as open_source
from .errors import UnusableAudio as UnusableAudio
from .errors import UserError as UserError
from .exporting.clip_embedder import ClipEmbedder as ClipEmbedder
from .exporting.clip_encoder import ClipEncoder as ClipEncoder
from .frontend.front_end import FrontEnd as FrontEnd
from .frontend.log_mel import LogMel as LogMel
from .pretrained import PretrainedEncoder as PretrainedEncoder
from .pretrained import load as load
from .runs import Run as Run
from .sound.reading import read as read
from .store.store import Store as Store
from .training.contrastive import ContrastiveModel as ContrastiveModel
from .views.excerpts import ExcerptPairs as ExcerptPairs

__version__: str
