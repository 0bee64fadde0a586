"""JD's open platform (JOS): ordinary orders of virtual goods. Game cards and general trade are platforms of their own."""
