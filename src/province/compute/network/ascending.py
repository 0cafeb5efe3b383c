"""Dual ascent: what every Steiner arborescence costs at least, and what each arc adds to that (R. Wong, Mathematical
Programming 28, 1984).

The arc u → v over edge e is place [0, e] of arrays (2, edges) when u < v, else [1, e].
"""

from __future__ import annotations

import heapq

import numba
import numpy as np


@numba.njit(cache=True)
def ascent(start, neighbour, edge, left, is_terminal, root, work, room, turn, factor):
    """Returns the bound; the sets of arcs that it is a sum over, one after another, and where each begins; the terminal
    that raised the price of each, and by how much.

    left: (2, edges) costs of the arcs, which become the reduced costs; infinite: there is none.
    work: looks at so many arcs at most; a bound that stopped early is a bound.
    room: for so many arcs of sets, each as its place in `left` read row by row; what finds no room is not told.
    turn: (nodes,) whose is the first: the least.  factor: a turn ends when its set is by so much larger than the next.
    Terminals raise the prices of the arcs that enter the set which reaches them for nothing, the smallest set first.
    """
    nodes, edges = len(start) - 1, left.shape[1]
    value = 0.0
    member, first = np.empty(room, np.int64), [0]
    who, much = [0], [0.0]
    who.pop()
    much.pop()
    told = 0
    inside = np.full(nodes, -1)
    stamp = 0
    heap = [(0, root)]
    heap.pop()
    for t in range(nodes):
        if is_terminal[t] and t != root:
            heapq.heappush(heap, (turn[t], t))
    active = is_terminal.copy()
    active[root] = False
    entering = np.empty(2 * edges, np.int64)  # places in `neighbour`
    into = np.empty(2 * edges, np.int64)
    stack = np.empty(nodes, np.int64)
    while len(heap) > 0 and work >= 0:
        size, t = heapq.heappop(heap)
        if not active[t]:
            continue
        stamp += 1
        inside[t] = stamp
        stack[0] = t
        top, at, arcs = 1, 0, 0
        ended = False
        while work >= 0:
            while at < top and not ended:
                v = stack[at]
                at += 1
                work -= start[v + 1] - start[v]
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if inside[u] == stamp:
                        continue
                    c = left[0 if u < v else 1, edge[k]]
                    if c <= 1e-12:
                        if u == root or active[u]:
                            ended = True
                            break
                        inside[u] = stamp
                        stack[top] = u
                        top += 1
                    elif c < np.inf:
                        entering[arcs] = k
                        into[arcs] = v
                        arcs += 1
            if ended:
                active[t] = False
                break
            least, n = np.inf, 0
            for q in range(arcs):
                k, v = entering[q], into[q]
                u = neighbour[k]
                if inside[u] != stamp:
                    entering[n] = k
                    into[n] = v
                    n += 1
                    least = min(least, left[0 if u < v else 1, edge[k]])
            work -= arcs
            arcs = n
            if least == np.inf:
                active[t] = False
                break
            if len(heap) > 0 and arcs > heap[0][0] * factor + 2 and arcs > size:
                heapq.heappush(heap, (arcs, t))
                break
            value += least
            tells = told + arcs <= room
            n = 0
            for q in range(arcs):
                k, v = entering[q], into[q]
                u = neighbour[k]
                way = 0 if u < v else 1
                left[way, edge[k]] -= least
                if tells:
                    member[told] = way * edges + edge[k]
                    told += 1
                if left[way, edge[k]] <= 1e-12:
                    if u == root or active[u]:
                        ended = True
                    elif inside[u] != stamp:
                        inside[u] = stamp
                        stack[top] = u
                        top += 1
                else:
                    entering[n] = k
                    into[n] = v
                    n += 1
            if tells:
                first.append(told)
                who.append(t)
                much.append(least)
            size = arcs
            arcs = n
            if ended:
                active[t] = False
                break
    return value, member[:told].copy(), np.array(first), np.array(who), np.array(much)
