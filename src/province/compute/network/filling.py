"""A tree under a budget: cut back to what is worth its money, and filled with the most demand per money."""

from __future__ import annotations

import heapq
import math

import numba
import numpy as np

from province.compute.network.growing import spanning


@numba.njit(cache=True)
def distances(start, neighbour, edge, cost, roots):
    """What it costs to reach each node from the nearest root."""
    far = np.full(len(start) - 1, np.inf)
    heap = [(0.0, 0)]
    heap.pop()
    for r in roots:
        far[r] = 0.0
        heapq.heappush(heap, (0.0, r))
    while len(heap) > 0:
        d, v = heapq.heappop(heap)
        if d > far[v]:
            continue
        for k in range(start[v], start[v + 1]):
            now = d + cost[edge[k]]
            if now < far[neighbour[k]]:
                far[neighbour[k]] = now
                heapq.heappush(heap, (now, neighbour[k]))
    return far


@numba.njit(cache=True)
def cut_back(start, neighbour, edge, cost, wanted, inside, root, worth, budget):
    """Nodes of the tree inside that are worth their money at the lowest price at which the budget pays for them."""
    nodes = len(start) - 1
    inside = inside.copy()
    back, back_edge = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    total = spanning(start, neighbour, edge, cost, wanted, inside, root, back, back_edge)
    if total <= budget:
        return inside
    children = np.zeros(nodes, np.int64)
    for v in range(nodes):
        if back[v] >= 0:
            children[back[v]] += 1
    order = np.empty(nodes, np.int64)  # leaves first
    n = 0
    for v in range(nodes):
        if back[v] >= 0 and children[v] == 0:
            order[n] = v
            n += 1
    at = 0
    while at < n:
        up = back[order[at]]
        at += 1
        children[up] -= 1
        if children[up] == 0 and up != root:
            order[n] = up
            n += 1
    least = np.inf
    for k in range(n):
        if cost[back_edge[order[k]]] > 0.0:
            least = min(least, cost[back_edge[order[k]]])
    high = 2.0 * worth.sum() / least  # nothing that costs anything is worth so much
    low = high * 1e-15
    best = np.zeros(nodes, np.bool_)
    kept = np.zeros(nodes, np.bool_)
    price = high
    for _ in range(64):
        net = worth.copy()
        for k in range(n):
            v = order[k]
            net[v] -= price * cost[back_edge[v]]
            if net[v] > 0.0:
                net[back[v]] += net[v]
        kept[:] = False
        kept[root] = True
        spent = 0.0
        for k in range(n - 1, -1, -1):
            v = order[k]
            if net[v] > 0.0 and kept[back[v]]:
                kept[v] = True
                spent += cost[back_edge[v]]
        if spent <= budget:
            best[:] = kept
            high = price
        else:
            low = price
        price = math.sqrt(low * high)
    return best


@numba.njit(cache=True)
def fill(start, neighbour, edge, cost, worth, inside, left, noise, seed):
    """Join more demand along shortest paths, the most demand for its money first, while the money lasts."""
    np.random.seed(seed)
    nodes = len(start) - 1
    far = np.full(nodes, np.inf)
    back = np.full(nodes, -1)
    heap = [(0.0, 0)]
    heap.pop()
    for v in range(nodes):
        if inside[v]:
            far[v] = 0.0
            heapq.heappush(heap, (0.0, v))
    open_ = np.flatnonzero((worth > 0) & ~inside)
    taste = np.ones(nodes)
    if noise > 0.0:
        for t in open_:
            taste[t] = np.exp(noise * np.random.randn())
    while True:
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > far[v] or d > left:
                continue
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                now = d + cost[edge[k]]
                if now < far[u]:
                    far[u] = now
                    back[u] = v
                    heapq.heappush(heap, (now, u))
        best, who = 0.0, -1
        for t in open_:
            if inside[t] or far[t] > left:
                continue
            gain, v = 0.0, int(t)
            while not inside[v]:
                gain += worth[v]
                v = back[v]
            value = taste[t] * gain / (far[t] + 1e-12)
            if value > best:
                best, who = value, int(t)
        if who < 0:
            return
        left -= far[who]
        v = who
        while not inside[v]:
            inside[v] = True
            far[v] = 0.0
            heapq.heappush(heap, (0.0, v))
            v = back[v]
