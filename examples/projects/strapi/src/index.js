// The courses may be read by everybody: a sample shows something at once.
module.exports = {
  async bootstrap({ strapi }) {
    const action = "api::course.course.find";
    const permissions = strapi.db.query("plugin::users-permissions.permission");
    const role = await strapi.db.query("plugin::users-permissions.role").findOne({ where: { type: "public" } });
    if (role && !(await permissions.findOne({ where: { action, role: role.id } }))) {
      await permissions.create({ data: { action, role: role.id } });
    }
    const courses = strapi.documents("api::course.course");
    if ((await courses.count()) === 0) await courses.create({ data: { title: "Tides and moons", credits: 3 } });
  },
};
