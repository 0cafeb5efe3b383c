"""Subscriptions and notifications: stored, matched by an index, delivered at least once and in order per entity.

outbox ─► Matcher ─► table notification ─► Delivery ─► endpoint
             ▲                                  └────► counters, dead letters
Index of subscriptions, kept up to date by their own events in the same outbox
"""
