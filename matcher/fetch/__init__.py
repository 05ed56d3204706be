"""Pictures and feeds over http and https, from hosts that nobody vouches for."""
