"""Pure decisions about gifts: who may claim when, which states follow, what spend still covers, which pools to open."""
