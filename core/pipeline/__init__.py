"""From a page of updates to a delivered order: intake, verify, sort, gate, deliver, write back; a module a stage."""
