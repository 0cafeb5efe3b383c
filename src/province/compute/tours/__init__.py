"""ROUTE: in which order vehicles visit stops. No bound of such plans is known that is worth telling.

    case    stops, vehicles and the two tables that every other module takes
    search  tours of least cost (PyVRP), and why a stop has none
    timing  when a vehicle leaves, arrives and returns
    check   drives claimed tours over the tables, with code of its own

They know arrays, no entities and no roads. Times are seconds of one day, loads in the caller's unit.
"""
