"""From a graph to a picture: sketch (what is drawn), layout (where), scene (what it means), svg and html."""
