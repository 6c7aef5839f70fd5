"""swift-dispersion-populate and swift-dispersion-report: is every copy where it belongs?"""
