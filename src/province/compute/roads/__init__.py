"""ROADS: a street network as a graph that can be driven: one-ways and turn restrictions are in it, not beside it.

    graph   from ways and restrictions to vertices and arcs; what cannot be reached and left again is cut off
    matrix  shortest times or distances between places, and the way itself
    check   drives a claimed way over the raw data, with code of its own

They know arrays, no entities and no files. Distances are metres, times seconds.
"""
