"""What the lab keeps: the database, jobs and data sets. All of it lies in one folder."""
