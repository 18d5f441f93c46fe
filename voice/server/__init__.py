"""The web application: browser, health and the lists a page needs."""
