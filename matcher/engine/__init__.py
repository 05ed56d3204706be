"""What turns a pipeline into a run: scheduling of detections, queues, workers, and several live sources at once."""
