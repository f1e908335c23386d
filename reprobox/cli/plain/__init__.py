"""The commands that are typed most, without typer: what each does with its options, and the
ordinary command lines that are read here.
"""
