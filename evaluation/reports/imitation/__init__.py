"""The report on a copy of a trader: can this trader be copied?"""
