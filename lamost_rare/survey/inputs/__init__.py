"""What a scan can be given: directories, archives, lists, stores, catalogues; and what is in it."""
