"""Pages and interfaces over HTTP: what all of them share, and the web app in `matcher.web.app`."""
