"""The running desk: schedule, dispatcher, and the condition it is in."""
