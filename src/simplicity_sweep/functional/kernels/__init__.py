"""What numba compiles; imported on first use, compiled once and kept on disk.

Every kernel releases the interpreter's lock and starts no thread of its own.
"""
