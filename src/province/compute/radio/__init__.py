"""FIELD: what a radio site gives to a place. 3GPP TR 38.901 (release 17, 0.5 to 100 GHz), statistical, flat ground.

    propagation  loss between antenna and terminal in line of sight and out of it, and how likely the line of sight is
    antenna      a sector's gain: one column of elements, tilted electrically or mechanically
    entry        what the wall of a building takes, by material
    link         noise, needed and reached signal to interference, bits per second
    diffraction  what terrain takes along a path: ITU-R P.1812, delta-Bullington
    field        the same for many sites and places at once: compiled kernels

Distances and heights are metres, frequencies GHz, losses and gains dB, power dBm. The kernels know arrays, no entities.
The model speaks of an average place of its kind, not of this street: single places differ by the shadowing σ that each
function states (4 to 8 dB), and by 17 dB in the mean from terrain models where there are few obstacles. A plan made
with it is checked by measurement.
"""
