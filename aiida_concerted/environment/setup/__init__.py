"""A profile with its computers, codes and POTCARs from one file.

* ``schema``: what the file may hold;
* ``reading``: the file, as wishes in AiiDA's terms;
* ``profiles``, ``computers``, ``codes``, ``potcars``: whether one of these is there, and how it is made;
* ``plan``: everything that a file asks for, looked at before anything is made.
"""
