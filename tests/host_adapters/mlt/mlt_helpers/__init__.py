"""What the tests of the MLT adapter share: a renderer, a scene, and projects that play it."""
