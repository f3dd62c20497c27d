"""Files to Scans; every DICOM rule is in here, one kind of rule a file."""
