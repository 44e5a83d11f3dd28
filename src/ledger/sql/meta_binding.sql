SELECT caller, environment FROM meta
