"""What is heard when in recordings: classes of windows -> detections with times.

scorers     embeddings -> a score of each class: a linear classifier, or examples
thresholds  scores of held-out clips -> the threshold of each class
events      scores of windows -> detections with start and end
outputs     detections -> a CSV, and files of Raven and Audacity
detecting   recordings -> detections, or classes of files
"""
