"""What a person may do at the desk, and what the desk shows: cases, holds, claims, actions, jobs, rows, filters."""
