"""CONNECT: which edges to build. Each kernel gives a plan and a bound that no plan can beat.

    graph       the one form of an undirected graph that the kernels take
    steiner     terminals joined at the least cost (trenches, ducts)
                bound in `ascending` and `lifting`, search in `growing` and `exchanging`, the rest in `reducing`
    collecting  the most demand joined to what exists within a budget (which trenches this year)
                trees under a budget are in `filling`
    survivable  terminals that stay joined when any one edge fails (rings of transmission)
                its local search is in `thinning`, its conditions in `cuts`
    capacity    what to add to links so that demand is carried, whichever fails
    diversity   what one failure cuts off, and two ways that share nothing
    check       recomputes cost and connectivity of any plan from the edges alone, with code of its own

They know arrays, no entities. Edges that exist already have the cost 0.
"""
