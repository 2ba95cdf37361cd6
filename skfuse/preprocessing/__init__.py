"""Blocks made comparable: scaling, reduction, any transformer per modality, and the choice of modalities."""

from skfuse.preprocessing._pca import ModalityPCA
from skfuse.preprocessing._scaler import ModalityScaler
from skfuse.preprocessing._selector import ModalitySelector
from skfuse.preprocessing._transformer import ModalityTransformer

__all__ = ["ModalityPCA", "ModalityScaler", "ModalitySelector", "ModalityTransformer"]
