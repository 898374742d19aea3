"""The HTTP kit: how every group reads requests and writes answers, so that an endpoint file is one screen."""
