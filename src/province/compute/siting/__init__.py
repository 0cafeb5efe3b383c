"""LOCATE: which sites to open. Each kernel gives a plan and, where one exists, a bound that no plan can beat.

    median       p sites that serve weighted demand at the least total distance
    covering     every demand covered at the least cost
    budgeted     the most demand covered within a budget, with options per site and shared fixed costs
    capacitated  sites with fixed costs and capacities that serve all demand at the least cost
    pareto       every choice of places that no other choice beats
    adjacent     the most worth of land within a budget, in connected pieces
    check        recomputes objective and feasibility of any plan from the data alone, with code of its own
                 (check_front, check_land: the same for fronts and for land)

They know arrays, no entities: rows are demand, columns are candidates. Costs and distances are in the caller's unit.
"""
