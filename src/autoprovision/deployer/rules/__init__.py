"""What a blueprint's folder has to be: one set of rules, for validating, publishing and deploying.

`check.py` asks them all, `table.py` names them all, and every other file answers some of them.
"""
