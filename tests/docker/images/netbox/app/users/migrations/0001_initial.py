from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel("Token", [
            ("id", models.AutoField(primary_key=True)),
            ("user", models.ForeignKey("auth.user", models.CASCADE)),
            ("key", models.CharField(max_length=40)),
        ]),
    ]
