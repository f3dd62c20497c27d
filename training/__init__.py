"""From a folder of DICOM or phantoms to a model folder, one stage a file."""
