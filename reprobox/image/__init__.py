"""Lock to image: layers as our own bytes, one archive for every engine, verified after loading,
restored by digest.
"""
