"""Log-mels -> embedding -> projection.

encoders      EfficientNet-B0, ResNet-18, VGG-like, CRNN, frame_cnn
heads         projection heads
batchnorm     BatchNorm statistics: re-estimated, shared by replicas, kept in float32
cpu_kernels   the same layers by kernels that are faster on a CPU
float32_copy  the networks as they are evaluated and exported
"""

from contrastive_audio.utils.backend import require_tensorflow_backend

require_tensorflow_backend()
