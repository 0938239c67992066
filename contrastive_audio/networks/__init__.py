"""Log-mels -> embedding -> projection.

encoders          EfficientNet-B0, ResNet-18, VGG-like, CRNN, frame_cnn
named_encoders    those of keras.applications and of others
over_time         an encoder in three parts: along time, what sums up time, what follows
receptive_field   which frames of its input an output depends on
heads             projection heads
pytorch_defaults  weights that start as PyTorch's
batchnorm         BatchNorm statistics: re-estimated, shared by replicas, kept in float32
dropout           dropout that does not depend on the number of replicas and parts of a batch
nesting           the layers of a network, those inside of others as well
cpu_kernels       faster BatchNorm for some encoders, on CPUs only
plain_keras       refuses code in networks of others
keras_files       networks in .keras files, read with everything verified
float32_copy      the encoder and head as they are evaluated and exported
"""

from contrastive_audio.utils.backend import require_tensorflow_backend

require_tensorflow_backend()
