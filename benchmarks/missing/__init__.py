"""Missing modalities: imputation beside its peers, and what a prediction loses."""
