"""What a head CT shows that is neither healthy nor hemorrhage: infarcts, masses, calcium, surgery, metal."""
