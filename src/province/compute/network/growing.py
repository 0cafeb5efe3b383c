"""Trees that join terminals: grown along shortest paths, made spanning trees, nodes put in and taken out."""

from __future__ import annotations

import heapq

import numba
import numpy as np


@numba.njit(cache=True)
def paths(start, neighbour, edge, cost, use, is_terminal, root):
    """Nodes of the tree that grows from the root along shortest paths, by the costs `use`, to the next terminal."""
    nodes = len(start) - 1
    far = np.full(nodes, np.inf)
    back = np.full(nodes, -1)
    inside = np.zeros(nodes, np.bool_)
    inside[root] = True
    far[root] = 0.0
    heap = [(0.0, root)]
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if d > far[v]:
            continue
        if is_terminal[v] and not inside[v]:
            node = v
            while not inside[node]:
                inside[node] = True
                far[node] = 0.0
                heapq.heappush(heap, (0.0, node))
                node = back[node]
            continue
        for k in range(start[v], start[v + 1]):
            u = neighbour[k]
            now = d + use[edge[k]]
            if now < far[u]:
                far[u] = now
                back[u] = v
                heapq.heappush(heap, (now, u))
    return inside


@numba.njit(cache=True)
def spanning(start, neighbour, edge, cost, is_terminal, inside, root, back, back_edge):
    """Minimum spanning tree of the nodes inside, without useless leaves. Returns its cost; inf when not connected.

    back, back_edge: written: the parent of each node of the tree.  inside: leaves that were dropped are cleared.
    """
    nodes = len(start) - 1
    key = np.full(nodes, np.inf)
    done = np.zeros(nodes, np.bool_)
    degree = np.zeros(nodes, np.int64)
    back[:] = -1
    back_edge[:] = -1
    key[root] = 0.0
    heap = [(0.0, root)]
    order = [root]
    order.pop()
    total = 0.0
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if done[v]:
            continue
        done[v] = True
        order.append(v)
        total += d
        if back[v] >= 0:
            degree[v] += 1
            degree[back[v]] += 1
        for k in range(start[v], start[v + 1]):
            u = neighbour[k]
            if inside[u] and not done[u] and cost[edge[k]] < key[u]:
                key[u] = cost[edge[k]]
                back[u] = v
                back_edge[u] = edge[k]
                heapq.heappush(heap, (key[u], u))
    for v in range(nodes):
        if is_terminal[v] and not done[v]:
            return np.inf
    for n in range(len(order) - 1, 0, -1):
        v = order[n]
        if degree[v] == 1 and not is_terminal[v]:
            inside[v] = False
            total -= cost[back_edge[v]]
            degree[back[v]] -= 1
            degree[v] = 0
            back[v] = -1
            back_edge[v] = -1
    for v in range(nodes):
        if inside[v] and not done[v]:
            inside[v] = False
    return total


@numba.njit(cache=True)
def improve(start, neighbour, edge, cost, tail, head, is_terminal, inside):
    """Put nodes in and take key nodes out while the spanning tree gets cheaper. Returns its cost and its edges."""
    nodes = len(start) - 1
    root = 0
    while not is_terminal[root]:
        root += 1
    back, back_edge = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    inside = inside.copy()
    total = spanning(start, neighbour, edge, cost, is_terminal, inside, root, back, back_edge)
    trial = inside.copy()
    b, be = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    size = 0
    for v in range(nodes):
        size += inside[v]
    budget = 40_000_000 // max(1, size * 4)  # so many spanning trees are worth their time
    better = True
    while better and budget > 0:
        better = False
        for v in range(nodes):
            if budget <= 0:
                break
            if inside[v]:
                if is_terminal[v]:
                    continue
                branches = 0
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if inside[u] and (back_edge[u] == edge[k] or back_edge[v] == edge[k]):
                        branches += 1
                if branches < 3:
                    continue
                trial[:] = inside
                found = _without(start, neighbour, edge, cost, is_terminal, trial, root, v, back, back_edge)
                if not found:
                    continue
            else:
                touching = 0
                for k in range(start[v], start[v + 1]):
                    if inside[neighbour[k]]:
                        touching += 1
                if touching < 3:
                    continue
                trial[:] = inside
                trial[v] = True
            budget -= 1
            now = spanning(start, neighbour, edge, cost, is_terminal, trial, root, b, be)
            if now < total - 1e-9:
                total = now
                inside[:] = trial
                back[:] = b
                back_edge[:] = be
                better = True
    n = 0
    for v in range(nodes):
        if back_edge[v] >= 0 and inside[v]:
            n += 1
    edges = np.empty(n, np.int64)
    n = 0
    for v in range(nodes):
        if back_edge[v] >= 0 and inside[v]:
            edges[n] = back_edge[v]
            n += 1
    edges.sort()
    return total, edges


@numba.njit(cache=True)
def _without(start, neighbour, edge, cost, is_terminal, trial, root, gone, back, back_edge):
    """Take a key node and its key paths away and join the parts again by shortest paths around it."""
    nodes = len(start) - 1
    degree = np.zeros(nodes, np.int64)
    for v in range(nodes):
        if trial[v] and back[v] >= 0:
            degree[v] += 1
            degree[back[v]] += 1
    trial[gone] = False
    for k in range(start[gone], start[gone + 1]):
        u = neighbour[k]
        if not trial[u] or not (back_edge[u] == edge[k] or back_edge[gone] == edge[k]):
            continue
        last, node = gone, u
        while not is_terminal[node] and degree[node] == 2:
            trial[node] = False
            following = -1
            for q in range(start[node], start[node + 1]):
                w = neighbour[q]
                if w != last and w != gone and trial[w] and (back_edge[w] == edge[q] or back_edge[node] == edge[q]):
                    following = w
            if following < 0:
                break
            last, node = node, following
    part = np.full(nodes, -1)
    while True:
        part[:] = -1
        parts = 0
        for s in range(nodes):
            if not trial[s] or part[s] >= 0:
                continue
            part[s] = parts
            stack = [s]
            while len(stack) > 0:
                v = stack.pop()
                for k in range(start[v], start[v + 1]):
                    u = neighbour[k]
                    if trial[u] and part[u] < 0:
                        part[u] = parts
                        stack.append(u)
            parts += 1
        if parts == 1:
            return True
        far = np.full(nodes, np.inf)
        via = np.full(nodes, -1)
        heap = [(0.0, root)]
        heap.pop()
        for v in range(nodes):
            if trial[v] and part[v] == 0:
                far[v] = 0.0
                heapq.heappush(heap, (0.0, v))
        goal = -1
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > far[v]:
                continue
            if part[v] > 0:
                goal = v
                break
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                if u == gone:
                    continue
                now = d + cost[edge[k]]
                if now < far[u]:
                    far[u] = now
                    via[u] = v
                    heapq.heappush(heap, (now, u))
        if goal < 0:
            return False
        node = goal
        while node >= 0:
            trial[node] = True
            node = via[node]
