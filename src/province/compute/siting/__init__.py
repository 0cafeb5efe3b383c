"""LOCATE: which sites to open. Each kernel gives a plan and, where one exists, a bound that no plan can beat.

    median       p sites that serve weighted demand at the least total distance
    covering     every demand covered at the least cost
    budgeted     the most demand covered within a budget, with options per site and shared fixed costs
    capacitated  sites with fixed costs and capacities that serve all demand at the least cost
    check        recomputes objective and feasibility of any plan from the data alone, with code of its own

They know arrays, no entities: rows are demand, columns are candidates. Costs and distances are in the caller's unit.
"""
