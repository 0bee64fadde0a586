"""Exports over a real socket: the orders of a view as a stream, timelines, evidence packs and their proof, history."""
