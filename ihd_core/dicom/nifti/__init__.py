"""NIfTI volumes, slice by slice as if they were DICOM."""
