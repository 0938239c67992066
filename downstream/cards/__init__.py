"""What an encoder is asked: tasks, their clips, splits and published scores.

  card                what a task is
  all_cards           every task by name; suites of tasks
  cola, sound_events  the cards of COLA's nine tasks, and of sound event recognition
  split_rules         which clips train and which test
  corpus_split_rules  the same for published data sets
  task_data           a task with its clips
  opening             a task's name -> its data
  published_scores    numbers printed in the papers
"""
