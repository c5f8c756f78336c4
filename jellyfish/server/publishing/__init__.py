"""What a broker is told of cameras and their answers, and under which topics (docs/publishing.md). Pure."""
